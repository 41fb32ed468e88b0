//! The only room that talks to the kernel: thin typed wrappers, one file a primitive.
//!
//! - [`below`]: a tree that is written below its top only: what unpacks layers.
//! - [`call`]: a system call as data: number, prepared arguments, and its text in strace's notation.
//! - [`launch`]: clone3 and the child between clone3 and execve. The only file with `unsafe`.
//! - [`cgroup`]: where each controller lives on this machine, v1 or v2, and its files.
//! - [`own`]: what this process itself is and may do.
//! - [`elf`]: which interpreter a program names.
//! - [`surroundings`]: facts about the machine around it.
//! - [`proc`]: what /proc says of a process.
//! - [`process`]: what a process uses, read from the outside.
//! - [`kmsg`]: the kernel's own log, for the line about an out-of-memory kill.
//! - [`tree`]: directories that are made and removed without following links or crossing mounts.
//! - [`signals`]: the signals that end a run, read from a descriptor.
//! - [`terminal`]: a terminal of a container's own, relayed to the learner's.
//! - `aside`: what is told meanwhile.
//! - [`screen`]: what a program did to the screen and did not undo.

mod aside;
pub mod below;
pub mod call;
pub mod cgroup;
pub mod elf;
pub mod kmsg;
pub mod launch;
pub mod own;
pub mod proc;
pub mod process;
pub mod screen;
pub mod signals;
pub mod surroundings;
pub mod terminal;
pub mod tree;
