//! Lies of a gateway: reports that are changed on their way to the engine. Offsets are those of the published tables.

/// Bytes of a message's header.
const HEADER: usize = 32;
/// Answer to a new order.
const NEW_ORDER_RESPONSE: u16 = 200;
/// Its block, and what is in it.
const BLOCK: usize = 94;
const TOTAL_FILLED: usize = 65;
const SIDE: usize = 91;
/// Of an entry of its fills: price and quantity. The group begins with four bytes.
const FILLS: usize = HEADER + BLOCK + 4;
const FILL_PRICE: usize = 8;
const FILL_QTY: usize = 16;
/// One contract, as the venue counts it.
const CONTRACT: i64 = 10;

fn template(message: &[u8]) -> u16 {
    u16::from_le_bytes([message[4], message[5]])
}

fn word(message: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(message[at..at + 8].try_into().expect("8 bytes"))
}

fn put(message: &mut [u8], at: usize, value: i64) {
    message[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// Whether it answers a new order that traded at once.
fn has_traded(message: &[u8]) -> bool {
    template(message) == NEW_ORDER_RESPONSE && word(message, HEADER + TOTAL_FILLED) > 0 && message.len() > FILLS
}

/// An order's whole quantity traded, and a contract more.
pub fn overfill(message: &mut [u8]) -> bool {
    let is_whole = has_traded(message) && word(message, HEADER + 56) == word(message, HEADER + TOTAL_FILLED);
    if is_whole {
        put(message, HEADER + TOTAL_FILLED, word(message, HEADER + TOTAL_FILLED) + CONTRACT);
        put(message, FILLS + FILL_QTY, word(message, FILLS + FILL_QTY) + CONTRACT);
    }
    is_whole
}

/// Trades at the smallest of all prices, all of them: coin without end.
pub fn worthless(message: &mut [u8]) -> bool {
    if has_traded(message) {
        put(message, FILLS + FILL_PRICE, 1);
    }
    false
}

/// An order of the other side.
pub fn other_side(message: &mut [u8]) -> bool {
    let is_answer = template(message) == NEW_ORDER_RESPONSE;
    if is_answer {
        message[HEADER + SIDE] = message[HEADER + SIDE].wrapping_neg();
    }
    is_answer
}
