"""Faces rendered from the open face model, with the numbers behind them: training data without anybody's picture."""
