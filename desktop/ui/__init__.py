"""The widgets. They know neither the store nor the engine, only the controller (`desktop.chat.controller`)."""
