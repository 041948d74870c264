// Between an AXI4 bridge of 512 bits and the card's command window, and between the card's event writer and
// the bridge. *Not run on a board*; a test lints it.
//
//   host --64-byte write--> s_axi --all strobes------> window_all, window_words        a command at once
//                                 --8 strobes--------> window_write, word, data        a word of it
//   card --m_write, address and 64 bytes--> m_axi, one beat, posted --> host's event ring
//
// Invariants: a beat is taken in the cycle in which its address and data are both there, so a command's
// words reach the card in the order of the bus; a write of any other shape changes nothing and is answered
// with an error; reads are answered with zeros and an error; an address and its data leave together or each
// as soon as the bridge takes it, and the next event waits for both.
`default_nettype none

module window (
    input wire clock,
    input wire reset,

    input wire s_axi_awvalid,
    output wire s_axi_awready,
    input wire s_axi_wvalid,
    output wire s_axi_wready,
    input wire [511:0] s_axi_wdata,
    input wire [63:0] s_axi_wstrb,
    output reg s_axi_bvalid,
    input wire s_axi_bready,
    output reg [1:0] s_axi_bresp,
    input wire s_axi_arvalid,
    output wire s_axi_arready,
    output reg s_axi_rvalid,
    input wire s_axi_rready,
    output wire [511:0] s_axi_rdata,
    output wire [1:0] s_axi_rresp,
    output wire s_axi_rlast,

    output reg window_write,
    output reg [2:0] window_word,
    output reg [63:0] window_data,
    output reg window_all,
    output reg [511:0] window_words,

    input wire m_write_valid,
    output wire m_write_ready,
    input wire [63:0] m_write_address,
    input wire [511:0] m_write_data,

    output reg m_axi_awvalid,
    input wire m_axi_awready,
    output reg [63:0] m_axi_awaddr,
    output wire [7:0] m_axi_awlen,
    output wire [2:0] m_axi_awsize,
    output wire [1:0] m_axi_awburst,
    output reg m_axi_wvalid,
    input wire m_axi_wready,
    output reg [511:0] m_axi_wdata,
    output wire [63:0] m_axi_wstrb,
    output wire m_axi_wlast,
    input wire m_axi_bvalid,
    output wire m_axi_bready
);
    localparam [1:0] OKAY = 2'b00;
    localparam [1:0] SLAVE_ERROR = 2'b10;

    // ---- host to card
    wire takes = s_axi_awvalid && s_axi_wvalid && (!s_axi_bvalid || s_axi_bready);
    assign s_axi_awready = takes;
    assign s_axi_wready = takes;

    // Which of the eight words is written, if exactly one is.
    reg [2:0] word;
    reg is_word;
    integer i;
    always @(*) begin
        word = 3'd0;
        is_word = 1'b0;
        for (i = 0; i < 8; i = i + 1) begin
            if (s_axi_wstrb == 64'hff << (8 * i)) begin
                word = i[2:0];
                is_word = 1'b1;
            end
        end
    end
    wire is_all = &s_axi_wstrb;

    always @(posedge clock) begin
        window_write <= takes && is_word;
        window_word <= word;
        window_data <= s_axi_wdata[64 * word +: 64];
        window_all <= takes && is_all;
        window_words <= s_axi_wdata;
        if (takes) begin
            s_axi_bvalid <= 1'b1;
            s_axi_bresp <= is_word || is_all ? OKAY : SLAVE_ERROR;
        end else if (s_axi_bready) begin
            s_axi_bvalid <= 1'b0;
        end
        if (reset) begin
            window_write <= 1'b0;
            window_all <= 1'b0;
            s_axi_bvalid <= 1'b0;
        end
    end

    assign s_axi_arready = !s_axi_rvalid;
    assign s_axi_rdata = 512'd0;
    assign s_axi_rresp = SLAVE_ERROR;
    assign s_axi_rlast = 1'b1;
    always @(posedge clock) begin
        if (s_axi_arvalid && s_axi_arready) s_axi_rvalid <= 1'b1;
        else if (s_axi_rready) s_axi_rvalid <= 1'b0;
        if (reset) s_axi_rvalid <= 1'b0;
    end

    // ---- card to host
    assign m_write_ready = (!m_axi_awvalid || m_axi_awready) && (!m_axi_wvalid || m_axi_wready);
    assign m_axi_awlen = 8'd0;
    assign m_axi_awsize = 3'd6;
    assign m_axi_awburst = 2'b01;
    assign m_axi_wstrb = {64{1'b1}};
    assign m_axi_wlast = 1'b1;
    assign m_axi_bready = 1'b1;
    always @(posedge clock) begin
        if (m_axi_awready) m_axi_awvalid <= 1'b0;
        if (m_axi_wready) m_axi_wvalid <= 1'b0;
        if (m_write_valid && m_write_ready) begin
            m_axi_awvalid <= 1'b1;
            m_axi_awaddr <= m_write_address;
            m_axi_wvalid <= 1'b1;
            m_axi_wdata <= m_write_data;
        end
        if (reset) begin
            m_axi_awvalid <= 1'b0;
            m_axi_wvalid <= 1'b0;
        end
    end

    // A posted write's answer says nothing that the ring's credit does not.
    wire unused = &{1'b0, m_axi_bvalid};
endmodule
`default_nettype wire
