// Runs a core in Icarus. The other side is `hedgewire_rtl::model::icarus`; a cycle and the stalls are what
// `model.rs` and `stalls.rs` say. Reads lines of an operation and an argument, in hexadecimal:
//   1 command    offer it until it is taken          a CYCLE          it was
//   2 events cycles   go on without commands         e CYCLE RECORD   an event, and when it was presented
//   3 cycles     reset                               h                no progress: given up
//   4 0          say how far it came                 f CYCLE BUILT
//   0 0          end                                 x CYCLE          an output is neither 0 nor 1
`timescale 1ns / 1ns
module bench;
    reg clock = 0;
    reg reset = 0;
    reg command_valid = 0;
    wire command_ready;
    reg [511:0] command = 0;
    wire event_valid;
    reg event_ready = 0;
    wire [511:0] record;
    wire [31:0] built;
    top unit(
        .clock(clock),
        .reset(reset),
        .command_valid(command_valid),
        .command_ready(command_ready),
        .command(command),
        .event_valid(event_valid),
        .event_ready(event_ready),
        .built(built),
        .`EVENT_PORT(record)
    );

    localparam STDIN = 32'h8000_0000;
    reg [63:0] cycle = 0;
    reg [63:0] state = `STALL_STATE;
    reg [1:0] command_level = 0;
    reg [1:0] event_level = 0;
    reg [63:0] progress = 0;
    reg [63:0] presented = 0;
    reg is_presented = 0;
    reg taken = 0;
    reg hung = 0;
    reg [63:0] events = 0;
    reg [31:0] operation = 1;
    reg [511:0] argument = 0;
    reg [63:0] target_events = 0;
    reg [63:0] target_cycle = 0;

    function [7:0] level(input [1:0] index);
        case (index)
            0: level = `STALL_LEVEL_0;
            1: level = `STALL_LEVEL_1;
            2: level = `STALL_LEVEL_2;
            default: level = `STALL_LEVEL_3;
        endcase
    endfunction

    task step(input has_command, input [511:0] next_command);
        reg withhold;
        reg refuse;
        begin
            if (cycle % `STALL_LEVEL_CYCLES == 0) begin
                command_level = state[1:0];
                event_level = state[3:2];
            end
            withhold = state[15:8] < level(command_level);
            refuse = state[23:16] < level(event_level);
            state = state ^ (state << 13);
            state = state ^ (state >> 7);
            state = state ^ (state << 17);
            if (!has_command) command_valid = 0;
            else if (!command_valid && !withhold) begin
                command_valid = 1;
                command = next_command;
            end
            event_ready = !refuse;
            clock = 0;
            #5;
            taken = 0;
            if (!reset) begin
                if ((command_valid && command_ready === 1'bx) || event_valid === 1'bx) $display("x %h", cycle);
                if (command_valid && command_ready === 1'b1) begin
                    taken = 1;
                    progress = cycle + 1;
                    $display("a %h", cycle);
                end
                if (event_valid === 1'b1) begin
                    if (!is_presented) presented = cycle;
                    is_presented = 1;
                    if (event_ready) begin
                        is_presented = 0;
                        events = events + 1;
                        progress = cycle + 1;
                        $display("e %h %h", presented, record);
                    end
                end
            end
            clock = 1;
            #5;
            cycle = cycle + 1;
            if (taken) command_valid = 0;
`ifdef WAVES
            if (cycle == `WAVES_FROM) begin
                $dumpfile(`WAVES);
                $dumpvars(0, unit);
            end
            if (cycle == `WAVES_TO + 1) $dumpoff;
`endif
        end
    endtask

    initial begin
`ifdef WAVES
        if (`WAVES_FROM == 0) begin
            $dumpfile(`WAVES);
            $dumpvars(0, unit);
        end
`endif
        while (operation != 0) begin
            if ($fscanf(STDIN, "%h %h", operation, argument) != 2) operation = 0;
            case (operation)
                1: begin
                    taken = 0;
                    while (!taken && !hung) begin
                        step(1, argument);
                        if (!taken && cycle - progress > `PATIENCE) hung = 1;
                    end
                    if (hung) $display("h");
                end
                2: begin
                    target_events = events + argument[127:64];
                    target_cycle = cycle + argument[63:0];
                    while (cycle < target_cycle && events < target_events) step(0, 512'h0);
                end
                3: begin
                    reset = 1;
                    is_presented = 0;
                    target_cycle = cycle + argument[63:0];
                    while (cycle < target_cycle) step(0, 512'h0);
                    reset = 0;
                end
                4: begin
                    progress = cycle;
                    $display("f %h %h", cycle, built);
                    $fflush;
                end
                default: operation = 0;
            endcase
        end
        $finish(0);
    end
endmodule
