//! Messages cut from a stream in any pieces, and streams that are none.

use super::config;
use super::peer::{Bytes, heartbeat, logged_out, message};
use hedgewire_host::deribit::starbase::orders::{FrameError, FrameReader, Framing};
use proptest::prelude::*;

fn framing(is_padded: bool) -> Framing {
    Framing { is_padded, message_bytes_max: 400 }
}

/// Everything that comes out of a reader for these pieces.
fn cut(framing: Framing, pieces: &[&[u8]]) -> (Vec<(i64, Vec<u8>)>, Option<FrameError>) {
    let mut reader = FrameReader::new(framing);
    let mut frames = vec![];
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let taken = reader.push(rest);
            rest = &rest[taken..];
            loop {
                match reader.next_frame() {
                    Ok(Some(frame)) => frames.push((frame.header.seq, frame.body.to_vec())),
                    Ok(None) => break,
                    Err(error) => return (frames, Some(error)),
                }
            }
            if rest.is_empty() {
                break;
            }
            assert!(taken > 0, "a reader without a whole frame has room");
        }
    }
    (frames, None)
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn pieces_do_not_matter(
        texts in prop::collection::vec("[a-z]{0,200}", 1..30),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        is_padded in any::<bool>(),
    ) {
        let mut bytes = vec![];
        for (seq, text) in texts.iter().enumerate() {
            bytes.extend(message(&logged_out(text), 0, seq as i64, 0));
            if is_padded {
                bytes.resize(bytes.len().next_multiple_of(8), 0);
            }
        }
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        let (frames, error) = cut(framing(is_padded), &pieces);
        prop_assert_eq!(error, None);
        let expected: Vec<(i64, Vec<u8>)> =
            texts.iter().enumerate().map(|(seq, text)| (seq as i64, logged_out(text).1.0)).collect();
        prop_assert_eq!(frames, expected);
    }

    #[test]
    fn any_bytes_end_in_frames_or_an_error(
        bytes in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => Just(0xdb), 2 => any::<u8>()], 0..2_000),
        starts_well in any::<bool>(),
        is_padded in any::<bool>(),
    ) {
        let mut stream = if starts_well { message(&heartbeat(0), 0, 1, 0) } else { vec![] };
        stream.extend(&bytes);
        let (frames, _) = cut(framing(is_padded), &[&stream]);
        prop_assert!(frames.len() <= stream.len() / 32);
        prop_assert!(!starts_well || !frames.is_empty());
    }
}

#[test]
fn a_partial_frame_waits_and_is_not_lost() {
    let bytes = message(&heartbeat(7), 0, 1, 0);
    let mut reader = FrameReader::new(framing(false));
    for byte in &bytes[..bytes.len() - 1] {
        reader.push(std::slice::from_ref(byte));
        assert!(matches!(reader.next_frame(), Ok(None)));
    }
    assert_eq!(reader.pending_bytes(), 39);
    reader.push(&bytes[39..]);
    assert!(matches!(reader.next_frame(), Ok(Some(frame)) if frame.header.seq == 1));
    assert!(matches!(reader.next_frame(), Ok(None)));
}

#[test]
fn nonsense_has_its_own_error_and_ends_the_stream() {
    let good = message(&heartbeat(0), 0, 1, 0);
    let with_length = |length: u16| Bytes(good.clone()).put(2, &length.to_le_bytes()).0;
    let cases = [
        (b"HTTP/1.1 400".to_vec(), FrameError::Protocol { found: b'H' }),
        (with_length(0), FrameError::Short { message_bytes: 0 }),
        (with_length(31), FrameError::Short { message_bytes: 31 }),
        (with_length(401), FrameError::Oversize { message_bytes: 401, limit_bytes: 400 }),
        (with_length(u16::MAX), FrameError::Oversize { message_bytes: 65_535, limit_bytes: 400 }),
    ];
    for (bytes, expected) in cases {
        let stream = [&good[..], &bytes, &good].concat();
        let (frames, error) = cut(framing(false), &[&stream]);
        assert_eq!((frames.len(), error), (1, Some(expected)));
        let mut reader = FrameReader::new(framing(false));
        reader.push(&bytes);
        assert_eq!(reader.next_frame().err(), Some(expected));
        reader.push(&good);
        assert_eq!(reader.next_frame().err(), Some(expected), "what follows is not believed");
        reader.reset();
        reader.push(&good);
        assert!(matches!(reader.next_frame(), Ok(Some(_))));
    }
    let odd = [&message(&logged_out("abc"), 0, 1, 0)[..], &[0, 0, 9, 0]].concat();
    assert_eq!(cut(framing(true), &[&odd]), (vec![], Some(FrameError::Padding { found: 9 })));
}
