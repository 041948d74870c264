# A Vivado project of the card on an Alveo U50, behind the XDMA core as a PCIe-to-AXI bridge.
# *Not run*: written from the cores' product guides, never through Vivado, never on a board.
#
#   hedgewire-hdl emit --lanes 4 --rows 4096 --out build/card
#   vivado -mode batch -source hdl/boards/u50/project.tcl -tclargs build/card build/u50
#
#   PCIe x8 gen 3 -- xdma (bridge) -- M_AXI_B --> smartconnect --+-- 0x0000..0x0fff --> card, registers (AXI4-Lite)
#                         ^                                      +-- 0x1000..0x1fff --> window --> card, commands
#                         +------- S_AXI_B <-- window <-- card, events
#
# One clock: the bridge's 250 MHz (4 ns, as in card.xdc). BAR 0 is 8 KiB, prefetchable, so that the host may
# map the window write-combining.
if {$argc != 2} { error "usage: -tclargs <folder of hedgewire-hdl emit> <folder of the project>" }
lassign $argv card project
set here [file dirname [file normalize [info script]]]

create_project u50 $project -part xcu50-fsvh2104-2-e -force
set_property target_language Verilog [current_project]
add_files [list $card/card.v $here/window.v]
set_property verilog_define ULTRASCALE_MULTIPLIER [current_fileset]
add_files -fileset constrs_1 $card/card.xdc
# card.xdc names the port of a card that stands alone; here the bridge makes the clock.
set_property used_in_synthesis false [get_files card.xdc]
set_property used_in_implementation false [get_files card.xdc]

create_bd_design u50
create_bd_cell -type ip -vlnv xilinx.com:ip:xdma pcie
set_property -dict {
    CONFIG.functional_mode AXI_Bridge
    CONFIG.mode_selection Advanced
    CONFIG.pl_link_cap_max_link_width X8
    CONFIG.pl_link_cap_max_link_speed 8.0_GT/s
    CONFIG.axi_data_width 512_bit
    CONFIG.axisten_freq 250
    CONFIG.vendor_id 10EE
    CONFIG.pf0_device_id 9038
    CONFIG.pf0_bar0_scale Kilobytes
    CONFIG.pf0_bar0_size 8
    CONFIG.pf0_bar0_64bit true
    CONFIG.pf0_bar0_prefetchable true
    CONFIG.pciebar2axibar_0 0x0000000000000000
    CONFIG.axibar_num 1
    CONFIG.axibar_0 0x0000000000000000
    CONFIG.axibar_highaddr_0 0xFFFFFFFFFFFFFFFF
} [get_bd_cells pcie]
create_bd_cell -type ip -vlnv xilinx.com:ip:smartconnect fabric
set_property -dict {CONFIG.NUM_SI 1 CONFIG.NUM_MI 2} [get_bd_cells fabric]
create_bd_cell -type module -reference card card
create_bd_cell -type module -reference window window
create_bd_cell -type inline_hdl -vlnv xilinx.com:inline_hdl:ilvector_logic invert
set_property -dict {CONFIG.C_OPERATION not CONFIG.C_SIZE 1} [get_bd_cells invert]

make_bd_intf_pins_external [get_bd_intf_pins pcie/pcie_mgt]
foreach pin {sys_clk sys_clk_gt sys_rst_n} { make_bd_pins_external [get_bd_pins pcie/$pin] }

connect_bd_net [get_bd_pins pcie/axi_aclk] \
    [get_bd_pins fabric/aclk] [get_bd_pins card/clock] [get_bd_pins window/clock]
connect_bd_net [get_bd_pins pcie/axi_aresetn] [get_bd_pins fabric/aresetn] [get_bd_pins invert/Op1]
connect_bd_net [get_bd_pins invert/Res] [get_bd_pins card/reset] [get_bd_pins window/reset]

connect_bd_intf_net [get_bd_intf_pins pcie/M_AXI_B] [get_bd_intf_pins fabric/S00_AXI]
connect_bd_intf_net [get_bd_intf_pins fabric/M00_AXI] [get_bd_intf_pins card/s_axil]
connect_bd_intf_net [get_bd_intf_pins fabric/M01_AXI] [get_bd_intf_pins window/s_axi]
connect_bd_intf_net [get_bd_intf_pins window/m_axi] [get_bd_intf_pins pcie/S_AXI_B]
foreach wire {window_write window_word window_data window_all window_words
    m_write_valid m_write_ready m_write_address m_write_data} {
    connect_bd_net [get_bd_pins card/$wire] [get_bd_pins window/$wire]
}

assign_bd_address -offset 0x0000 -range 4K [get_bd_addr_segs card/s_axil/reg0]
assign_bd_address -offset 0x1000 -range 4K [get_bd_addr_segs window/s_axi/reg0]
assign_bd_address
validate_bd_design
save_bd_design

make_wrapper -files [get_files u50.bd] -top -import
set_property top u50_wrapper [current_fileset]
launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
open_run impl_1
report_timing_summary -file $project/timing.rpt
report_utilization -hierarchical -file $project/utilization.rpt
