//! The program from outside: exit codes, files, signals, and what stands in the way.

mod support;

mod lifecycle;
mod outputs;
mod usage;
