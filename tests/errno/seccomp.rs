//! A seccomp filter as a program for the kernel's BPF machine (seccomp(2), struct sock_filter), in the bytes that
//! bwrap takes: it answers one system call with an errno and lets all others pass.

/// The filter. It looks at the number of the call alone, as the test runs programs of one architecture.
pub(crate) fn refusing(call: i64, errno: i32) -> Vec<u8> {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const ERRNO: u32 = 0x0005_0000;
    const ALLOW: u32 = 0x7fff_0000;
    let program = [
        (LOAD_NUMBER, 0, 0, 0),
        (JUMP_IF_EQUAL, 0, 1, call as u32),
        (RETURN, 0, 0, ERRNO | errno as u32),
        (RETURN, 0, 0, ALLOW),
    ];
    program
        .into_iter()
        .flat_map(|(code, yes, no, value): (u16, u8, u8, u32)| {
            let [a, b] = code.to_ne_bytes();
            let [c, d, e, f] = value.to_ne_bytes();
            [a, b, yes, no, c, d, e, f]
        })
        .collect()
}
