"""The main window and its parts: header, banner, composer, status, welcome."""
