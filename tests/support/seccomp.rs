//! Seccomp filters as programs for the kernel's BPF machine (seccomp(2), struct sock_filter), in the bytes that bwrap
//! takes. They look at the number of the call alone, as the tests run programs of one architecture.

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const ERRNO: u32 = 0x0005_0000;
const ALLOW: u32 = 0x7fff_0000;
/// Where the number of the call is in struct seccomp_data, and the lower half of its first argument.
const NUMBER: u32 = 0;
const FIRST_ARGUMENT: u32 = if cfg!(target_endian = "little") { 16 } else { 20 };

/// One instruction: code, how many to jump over if so, and if not, operand.
type Instruction = (u16, u8, u8, u32);

fn bytes(program: &[Instruction]) -> Vec<u8> {
    let of = |&(code, yes, no, value): &Instruction| {
        let [a, b] = code.to_ne_bytes();
        let [c, d, e, f] = value.to_ne_bytes();
        [a, b, yes, no, c, d, e, f]
    };
    program.iter().flat_map(of).collect()
}

/// Answers one system call with an errno and lets all others pass.
pub(crate) fn refusing(call: i64, errno: i32) -> Vec<u8> {
    bytes(&[
        (LOAD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 0, 1, call as u32),
        (RETURN, 0, 0, ERRNO | errno as u32),
        (RETURN, 0, 0, ALLOW),
    ])
}

/// What Docker's filter does with births where the container has no CAP_SYS_ADMIN: clone3 is not there, and clone may
/// ask for no namespace.
pub(crate) fn forbidding_namespaces() -> Vec<u8> {
    const NAMESPACES: u32 = 0x7e02_0000;
    bytes(&[
        (LOAD, 0, 0, NUMBER),
        (JUMP_IF_EQUAL, 0, 1, libc::SYS_clone3 as u32),
        (RETURN, 0, 0, ERRNO | libc::ENOSYS as u32),
        (JUMP_IF_EQUAL, 0, 4, libc::SYS_clone as u32),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (AND, 0, 0, NAMESPACES),
        (JUMP_IF_EQUAL, 1, 0, 0),
        (RETURN, 0, 0, ERRNO | libc::EPERM as u32),
        (RETURN, 0, 0, ALLOW),
    ])
}
