"""A picture taken apart into the person and what is behind them."""
