"""Text in pictures, read with the models that come inside the package rapidocr; nothing is fetched."""
