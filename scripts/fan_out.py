"""Wide nets in pieces: a register or LUT that drives many cells, copied, each copy for those that belong together.

    register --+--> 2,600 cells           register   --> 64 cells of one block
               |                    ->    register'  --> 64 more of it
               |                          register'' --> 64 of the next ...

All copies have the inputs of the first, so the logic is the same. Neither yosys nor nextpnr does this, and what a wide net
costs is wire: cells all over the card wait for one flip-flop. Cells belong together whose names are neighbours,
because tools name a cell by the path of its block.
"""

import collections
import json
import re

# Most cells that one register or LUT drives.
WIDEST = 64
DRIVERS = {"LUT4": "Z", "TRELLIS_FF": "Q"}


class Netlist:
    """Cells of a module of yosys' JSON, and who drives what."""

    def __init__(self, module):
        self.cells, self.names = module["cells"], module["netnames"]
        self.driver = {}
        self.sinks = collections.defaultdict(list)
        self.next_bit = 2
        for net in self.names.values():
            self.next_bit = max([self.next_bit, *(bit + 1 for bit in net["bits"] if isinstance(bit, int))])
        self.ports = {bit for port in module["ports"].values() for bit in port["bits"]}
        for name in self.cells:
            self.wire(name)

    def wire(self, name):
        """Notes what a cell drives, and what drives it."""
        cell = self.cells[name]
        for port, bits in cell["connections"].items():
            for place, bit in enumerate(bits):
                if not isinstance(bit, int):
                    continue
                if cell["port_directions"][port] == "output":
                    self.driver[bit] = name
                else:
                    self.sinks[bit].append((name, port, place))

    def wide(self, kind):
        """Nets of a kind of driver that are too wide; in the order of their numbers, so that it is always the same."""
        return [
            bit
            for bit, name in sorted(self.driver.items())
            if self.cells[name]["type"] == kind and len(self.sinks[bit]) > WIDEST and bit not in self.ports
        ]

    def split(self, bit):
        """Copies what drives a net, until no copy drives more than `WIDEST`; how many copies there are."""
        name = self.driver[bit]
        groups = pieces(sorted(self.sinks[bit], key=lambda sink: natural(sink[0])))
        self.sinks[bit] = groups[0]
        for number, group in enumerate(groups[1:], 1):
            copy = f"{name}$copy{number}"
            cell = json.loads(json.dumps(self.cells[name]))
            cell["connections"][DRIVERS[cell["type"]]] = [self.next_bit]
            self.cells[copy] = cell
            self.names[copy] = {"hide_name": 0, "bits": [self.next_bit], "attributes": {}}
            self.wire(copy)
            for sink, port, place in group:
                self.cells[sink]["connections"][port][place] = self.next_bit
            self.sinks[self.next_bit] = group
            self.next_bit += 1
        return len(groups) - 1


def natural(name):
    """Sorts bit 9 before bit 10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def pieces(sinks):
    """As few pieces as possible, all of about one size."""
    count = -(-len(sinks) // WIDEST)
    return [sinks[len(sinks) * at // count : len(sinks) * (at + 1) // count] for at in range(count)]


def limit(path, top):
    """Rewrites a netlist (a path) so that no register or LUT of its module `top` drives much more than `WIDEST`; how many copies
    that takes. Copies of registers are a few sinks more for what drives those: that is left."""
    content = json.loads(path.read_text())
    netlist = Netlist(content["modules"][top])
    copies = 0
    # A LUT's copies are more for what drives the LUT: registers are last.
    while wide := netlist.wide("LUT4"):
        copies += sum(map(netlist.split, wide))
    copies += sum(map(netlist.split, netlist.wide("TRELLIS_FF")))
    path.write_text(json.dumps(content))
    return copies
