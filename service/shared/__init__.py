"""What every room may use: the clock, ids, the caller, audit values and the errors. It knows no room."""
