"""Rules of data contracts: which are to be executed, in what order, and by whom."""
