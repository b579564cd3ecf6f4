"""MME (Fu et al. 2023): questions about pictures, two for each, that are answered with yes or no."""
