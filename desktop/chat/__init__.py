"""Between the window, the store and the engine: the controller that moves messages one hop each way."""
