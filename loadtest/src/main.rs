//! `aoai-loadtest`: the command line comes with the modules that it drives.

fn main() {}
