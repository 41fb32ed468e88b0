//! Everything that the walk has to tell, as values.
