//! Library half of the project's own commands: what tests share with them.
