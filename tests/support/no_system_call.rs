//! For a process that is watched: from a moment on it may make no system call.

/// Ends the process without running anything else.
pub fn exit(code: i32) -> ! {
    // SAFETY: ends the process; there is nothing after it.
    unsafe { libc::_exit(code) }
}

/// From now on any system call of this thread but the one that ends the process, and one more, kills it (SIGSYS).
pub fn forbid_system_calls(but: Option<libc::c_long>) {
    const LOAD_NUMBER: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, jt, k| libc::sock_filter { code, jt, jf: 0, k };
    let mut filter = [
        step(LOAD_NUMBER, 0, 0),
        step(JUMP_IF_EQUAL, 2, but.unwrap_or(libc::SYS_exit_group) as u32),
        step(JUMP_IF_EQUAL, 1, libc::SYS_exit_group as u32),
        step(RETURN, 0, libc::SECCOMP_RET_KILL_PROCESS),
        step(RETURN, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: `program` points to a filter of the length that it states, and both live through the calls; the
    // other arguments are numbers.
    let is_set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(is_set, "a filter of system calls: {}", std::io::Error::last_os_error());
}
