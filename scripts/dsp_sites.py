"""Where DSP blocks and block RAMs stand: among the logic they are wired to.

    placed netlist -> blocks of a kind swap sites by simulated annealing -> their sites, for the next placement
                      (the logic stands still; the cost is the half-perimeter of every net, in tiles)
                                                                                |      ^
                                                                          write v      | read
                                                                           floor plan: a line `site block` each

The electrostatic placer leaves blocks of a kind that fills its sites far from what they are wired to: swapping sites alone
shortened the nets of the card's DSP blocks by four tenths.
"""

import collections
import json
import math
import random
import re

KINDS = ("MULT18X18D", "DP16KD")
# Nets that go everywhere do not say where a block belongs.
WIDEST_NET = 200
SWAPS = 60_000
# Tiles of wire that a swap may cost at first, and what is left of that after every hundredth part of the swaps.
HEAT = 60.0
COOLING = 0.94


class Placement:
    """Cells of a netlist that nextpnr has placed, and the wires between them."""

    def __init__(self, path):
        cells = next(iter(json.loads(path.read_text())["modules"].values()))["cells"]
        self.site = {name: cell["attributes"]["NEXTPNR_BEL"] for name, cell in cells.items() if "NEXTPNR_BEL" in cell["attributes"]}
        self.kind = {name: cells[name]["type"] for name in self.site}
        self.ends = collections.defaultdict(set)
        for name in self.site:
            for bits in cells[name]["connections"].values():
                for bit in bits:
                    if isinstance(bit, int):
                        self.ends[bit].add(name)
        self.at = {name: tuple(map(int, re.match(r"X(\d+)/Y(\d+)/", site).groups())) for name, site in self.site.items()}

    def length(self, net):
        """Half-perimeter of a net, in tiles."""
        columns, rows = zip(*(self.at[cell] for cell in self.ends[net]))
        return max(columns) - min(columns) + max(rows) - min(rows)

    def swap(self, one, other):
        for of in (self.site, self.at):
            of[one], of[other] = of[other], of[one]

    def anneal(self, kind, dice):
        """Swaps the sites of a kind of block; the length of its nets before and after."""
        blocks = [name for name, of in self.kind.items() if of == kind]
        nets = collections.defaultdict(set)
        for net, ends in self.ends.items():
            if len(ends) <= WIDEST_NET:
                for block in ends.intersection(blocks):
                    nets[block].add(net)
        lengths = {net: self.length(net) for net in set().union(*nets.values())}
        before, heat = sum(lengths.values()), HEAT
        for swap in range(SWAPS if len(blocks) > 1 else 0):
            if swap % (SWAPS // 100) == 0:
                heat *= COOLING
            one, other = dice.sample(blocks, 2)
            touched = nets[one] | nets[other]
            self.swap(one, other)
            changed = {net: self.length(net) for net in touched}
            worse = sum(changed.values()) - sum(lengths[net] for net in touched)
            if worse <= 0 or dice.random() < math.exp(-worse / heat):
                lengths |= changed
            else:
                self.swap(one, other)
        return before, sum(lengths.values())


def improve(placed, seed, say):
    """Site by block, from a placed netlist (a path)."""
    placement, dice = Placement(placed), random.Random(seed)
    for kind in KINDS:
        before, after = placement.anneal(kind, dice)
        say(f"{kind}: nets of {before:,} tiles, {after:,} where they are wanted")
    return {name: site for name, site in placement.site.items() if placement.kind[name] in KINDS}


def hold(netlist, sites, held):
    """Writes a netlist (paths) with its blocks held at their sites. How many there are to hold, and how many are held."""
    content = json.loads(netlist.read_text())
    wanted = [(name, cell) for module in content["modules"].values() for name, cell in module["cells"].items() if cell["type"] in KINDS]
    for name, cell in wanted:
        if name in sites:
            cell["attributes"]["BEL"] = sites[name]
    held.write_text(json.dumps(content))
    return len(wanted), sum(name in sites for name, _ in wanted)


def write(plan, sites):
    """Writes a floor plan (a path)."""
    plan.parent.mkdir(parents=True, exist_ok=True)
    plan.write_text("".join(f"{sites[name]} {name}\n" for name in sorted(sites)))


def read(plan):
    """Site by block, from a floor plan (a path)."""
    sites = {}
    for number, line in enumerate(plan.read_text().splitlines(), 1):
        site, _, name = line.partition(" ")
        if not name or name in sites or site in sites.values():
            raise SystemExit(f"{plan}:{number}: not `site block`, or one of them a second time: {line!r}; mend it, or delete the file")
        sites[name] = site
    return sites
