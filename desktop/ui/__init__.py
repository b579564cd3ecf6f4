"""The widgets: they show and ask, they know neither the store nor the engine (see `desktop.chat.controller`)."""
