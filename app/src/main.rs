//! The program `spoor`.

fn main() {}
