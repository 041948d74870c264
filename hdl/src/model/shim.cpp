// Runs a core that Verilator compiled. The other side is `hedgewire_rtl::model::verilator`: `Batch` and
// the four functions stand in both, and a cycle and the stalls are what `model.rs` and `stalls.rs` say.
#include <cstdint>
#include <memory>

#include "Vcard.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

namespace {

constexpr int kRecordWords = 8;
constexpr int kEventWords = kRecordWords + 1;  // the record and the cycle in which it was presented
constexpr uint64_t kLevels[4] = STALL_LEVELS;

struct Batch {
    const uint64_t* commands;
    uint64_t* accepted;
    uint64_t command_count;  // 0: run for `cycles`; else until all are taken
    uint64_t* events;
    uint64_t event_capacity;  // stops when so many have come
    uint64_t cycles;
    uint64_t patience;
    uint64_t commands_taken;
    uint64_t event_count;
    uint64_t cycle;
    uint64_t is_hung;
    uint64_t built;
};

struct Card {
    VerilatedContext context;
    std::unique_ptr<Vcard> top;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> waves;
    const char* waves_path = nullptr;
    uint64_t waves_from = 1, waves_to = 0;
#endif
    uint64_t cycle = 0;
    uint64_t stall_state = 0;
    uint64_t levels[2] = {0, 0};
    uint64_t presented = 0;
    bool is_presented = false;
    bool is_offering = false;

    void record(uint64_t phase) {
#if VM_TRACE
        if (cycle < waves_from || cycle > waves_to) {
            if (waves) waves.reset();
            return;
        }
        if (!waves) {
            waves = std::make_unique<VerilatedVcdC>();
            top->trace(waves.get(), 99);
            waves->open(waves_path);
        }
        waves->dump(cycle * 10 + phase);
#else
        (void)phase;
#endif
    }

    void stalls(bool& withhold, bool& refuse) {
        if (cycle % STALL_LEVEL_CYCLES == 0) {
            levels[0] = stall_state & 3;
            levels[1] = (stall_state >> 2) & 3;
        }
        withhold = ((stall_state >> 8) & 255) < kLevels[levels[0]];
        refuse = ((stall_state >> 16) & 255) < kLevels[levels[1]];
        stall_state ^= stall_state << 13;
        stall_state ^= stall_state >> 7;
        stall_state ^= stall_state << 17;
    }

    // One cycle; says whether the command was taken and whether an event was, into `event`.
    void step(const uint64_t* command, uint64_t* event, bool& command_taken, bool& event_taken) {
        bool withhold, refuse;
        stalls(withhold, refuse);
        if (command && !is_offering && !withhold) {
            is_offering = true;
            for (int i = 0; i < kRecordWords; i++) {
                top->command[2 * i] = static_cast<uint32_t>(command[i]);
                top->command[2 * i + 1] = static_cast<uint32_t>(command[i] >> 32);
            }
        }
        top->command_valid = is_offering;
        top->event_ready = !refuse;
        top->clock = 0;
        top->eval();
        record(0);
        command_taken = is_offering && top->command_ready && !top->reset;
        event_taken = false;
        if (top->event_valid && !top->reset) {
            if (!is_presented) presented = cycle;
            is_presented = true;
            if (!refuse) {
                is_presented = false;
                event_taken = true;
                for (int i = 0; i < kRecordWords; i++) {
                    event[i] = top->EVENT_PORT[2 * i] | static_cast<uint64_t>(top->EVENT_PORT[2 * i + 1]) << 32;
                }
                event[kRecordWords] = presented;
            }
        }
        top->clock = 1;
        top->eval();
        record(5);
        cycle++;
        is_offering = is_offering && !command_taken;
    }
};

}  // namespace

#define CARD_API extern "C" __attribute__((visibility("default")))

CARD_API Card* card_create(uint64_t stall_state, const char* waves_path, uint64_t from, uint64_t to) {
    auto card = std::make_unique<Card>();
#if VM_TRACE
    card->context.traceEverOn(true);
    if (waves_path) {
        card->waves_path = waves_path;
        card->waves_from = from;
        card->waves_to = to;
    }
#else
    (void)waves_path, (void)from, (void)to;
#endif
    card->top = std::make_unique<Vcard>(&card->context);
    card->stall_state = stall_state;
    card->top->reset = 0;
    return card.release();
}

CARD_API void card_destroy(Card* card) {
#if VM_TRACE
    card->waves.reset();
#endif
    card->top->final();
    delete card;
}

CARD_API void card_run(Card* card, Batch* batch) {
    const uint64_t start = card->cycle;
    uint64_t progress = start;
    batch->commands_taken = batch->event_count = batch->is_hung = 0;
    const bool feeds = batch->command_count != 0;
    // A command that was given up is no longer offered.
    card->is_offering = card->is_offering && feeds;
    while (batch->event_count < batch->event_capacity) {
        if (feeds ? batch->commands_taken == batch->command_count : card->cycle - start == batch->cycles) break;
        if (feeds && card->cycle - progress > batch->patience) {
            batch->is_hung = 1;
            break;
        }
        const uint64_t* command = feeds ? batch->commands + batch->commands_taken * kRecordWords : nullptr;
        bool command_taken, event_taken;
        const uint64_t now = card->cycle;
        card->step(command, batch->events + batch->event_count * kEventWords, command_taken, event_taken);
        if (command_taken) batch->accepted[batch->commands_taken++] = now;
        if (event_taken) batch->event_count++;
        if (command_taken || event_taken) progress = card->cycle;
    }
    batch->cycle = card->cycle;
    batch->built = card->top->built;
}

CARD_API void card_reset(Card* card, uint64_t cycles) {
    uint64_t event[kEventWords];
    bool command_taken, event_taken;
    card->top->reset = 1;
    card->is_offering = false;
    for (uint64_t i = 0; i < cycles; i++) card->step(nullptr, event, command_taken, event_taken);
    card->is_presented = false;
    card->top->reset = 0;
}
