"""From a text as it is shown to the words that are said: Markdown, sentences, and numbers in Chinese and English."""
