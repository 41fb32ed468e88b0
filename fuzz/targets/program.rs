//! Programs as files: the interpreter that one names is found without a panic, whatever its headers say.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rlab::kernel::elf;

fuzz_target!(|bytes: &[u8]| {
    drop(elf::loader(bytes));
    drop(elf::interpreter(bytes));
    let mut program = bytes.to_vec();
    if let Some(head) = program.get_mut(..6) {
        head.copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    }
    drop(elf::loader(&program[..]));
});
