//! A classic filter for packet sockets: what is certainly not of the feed is not copied into the ring.
//!
//! ```text
//!   IPv4? UDP? -> address of a group? -> a piece of a packet, or any of the groups' ports? -> all of the frame
//!     no: nothing
//! ```
//!
//! Address and port are compared one by one, not as pairs: what passes is looked at again in full. VLAN tags are gone:
//! the kernel takes the outer one off before packet sockets see a frame.
//!
//! Facts: `Documentation/networking/filter.rst`.

use std::io;
use std::net::SocketAddrV4;
use std::os::fd::AsRawFd;

use super::super::socket;

const LOAD_HALF: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
const LOAD_BYTE: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
const LOAD_WORD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const LOAD_HALF_BEHIND_HEADER: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
const LOAD_HEADER_LENGTH: u16 = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_IF_ANY_SET: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// The filter for at most [`GROUPS_MAX`](super::super::settings::GROUPS_MAX) groups, so that no jump is too far.
pub fn groups(groups: &[SocketAddrV4]) -> Vec<libc::sock_filter> {
    let step = |code, k| libc::sock_filter { code, jt: 0, jf: 0, k };
    let jump = |code, k, jt, jf| libc::sock_filter { code, jt, jf, k };
    let distinct = |values: Vec<u32>| {
        let mut values = values;
        values.sort_unstable();
        values.dedup();
        values
    };
    let addresses = distinct(groups.iter().map(|group| u32::from(*group.ip())).collect());
    let ports = distinct(groups.iter().map(|group| u32::from(group.port())).collect());
    let (address_count, port_count) = (addresses.len() as u8, ports.len() as u8);
    // Places of jumps are counted from the next instruction.
    let mut filter = vec![
        step(LOAD_HALF, 12),
        jump(JUMP_IF_EQUAL, 0x0800, 0, address_count + 3),
        step(LOAD_BYTE, 23),
        jump(JUMP_IF_EQUAL, 17, 0, address_count + 1),
        step(LOAD_WORD, 30),
    ];
    for (at, address) in (0..).zip(addresses) {
        filter.push(jump(JUMP_IF_EQUAL, address, address_count - at, 0));
    }
    filter.extend([
        step(RETURN, 0),
        step(LOAD_HALF, 20),
        jump(JUMP_IF_ANY_SET, 0x3FFF, port_count + 3, 0),
        step(LOAD_HEADER_LENGTH, 14),
        step(LOAD_HALF_BEHIND_HEADER, 16),
    ]);
    for (at, port) in (0..).zip(ports) {
        filter.push(jump(JUMP_IF_EQUAL, port, port_count - at, 0));
    }
    filter.extend([step(RETURN, 0), step(RETURN, u32::MAX)]);
    filter
}

/// Has the kernel run the filter on what arrives at a socket.
pub fn attach(socket: &impl AsRawFd, filter: &[libc::sock_filter]) -> io::Result<()> {
    // The kernel only reads the filter, whatever the pointer's type says, and `filter` lives through the call.
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
    socket::set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel does with a filter, as far as it is used here.
    fn run(filter: &[libc::sock_filter], frame: &[u8]) -> u32 {
        let half = |at: usize| frame.get(at..at + 2).map(|bytes| u32::from(bytes[0]) << 8 | u32::from(bytes[1]));
        let (mut at, mut a, mut x) = (0, 0, 0);
        loop {
            let step = filter[at];
            at += 1;
            let k = step.k as usize;
            let loaded = match step.code {
                LOAD_HALF => half(k),
                LOAD_BYTE => frame.get(k).map(|byte| u32::from(*byte)),
                LOAD_WORD => half(k).zip(half(k + 2)).map(|(high, low)| high << 16 | low),
                LOAD_HALF_BEHIND_HEADER => half(x + k),
                LOAD_HEADER_LENGTH => {
                    x = usize::from(frame.get(k).copied().unwrap_or(0) & 15) * 4;
                    Some(a)
                }
                JUMP_IF_EQUAL | JUMP_IF_ANY_SET => {
                    let holds = if step.code == JUMP_IF_EQUAL { a == step.k } else { a & step.k != 0 };
                    at += usize::from(if holds { step.jt } else { step.jf });
                    Some(a)
                }
                _ => return step.k,
            };
            match loaded {
                Some(value) => a = value,
                None => return 0,
            }
        }
    }

    fn frame(to: SocketAddrV4) -> Vec<u8> {
        let builder = etherparse::PacketBuilder::ethernet2([2; 6], [1; 6]).ipv4([10, 0, 0, 1], to.ip().octets(), 1);
        let mut bytes = Vec::new();
        builder.udp(5, to.port()).write(&mut bytes, b"payload").expect("a frame");
        bytes
    }

    #[test]
    fn passes_every_group_and_every_piece_and_nothing_else() {
        let address = |text: &str| text.parse::<SocketAddrV4>().expect("an address");
        for count in [1, 2, 3, 64u16] {
            let listened: Vec<SocketAddrV4> =
                (0..count).map(|at| SocketAddrV4::new([239, 1, 0, at as u8].into(), 4000 + at)).collect();
            let filter = groups(&listened);
            for group in &listened {
                assert_eq!(run(&filter, &frame(*group)), u32::MAX, "{group} of {count}");
                let mut piece = frame(SocketAddrV4::new(*group.ip(), 1));
                piece[20] = 0x20;
                assert_eq!(run(&filter, &piece), u32::MAX, "a piece to {group}");
                assert_eq!(run(&filter, &frame(SocketAddrV4::new(*group.ip(), 1))), 0, "another port of {group}");
            }
            for other in ["239.1.1.0:4000", "238.1.0.0:4000", "10.0.0.1:4000"] {
                assert_eq!(run(&filter, &frame(address(other))), 0, "{other}");
            }
            let whole = frame(listened[0]);
            for (at, value) in [(12, 0x86), (23, 6)] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                assert_eq!(run(&filter, &bytes), 0, "byte {at}");
            }
            assert!((0..38).all(|kept| run(&filter, &whole[..kept]) == 0), "short frames");
        }
    }

    #[test]
    fn ports_are_found_behind_header_options() {
        let group = SocketAddrV4::new([239, 1, 0, 1].into(), 4220);
        let mut bytes = frame(group);
        bytes[14] = 0x46;
        bytes.splice(34..34, [1, 1, 1, 0]);
        assert_eq!(run(&groups(&[group]), &bytes), u32::MAX);
    }
}
