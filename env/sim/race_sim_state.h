// A race as SimStateData and back: what the embedded game hands out and takes.
#pragma once

#include <optional>
#include <string>

#include "env/sim/race.h"
#include "env/tminterface/sim_state.h"

namespace hotlap::sim {

// Fills `out` so that a TMInterface client sees consistent values. REQUIRES: out was made for this
// track's numbers of gates and passes. Every bit of RaceState can be read back: what has no
// documented place is in opaque bytes behind a version word.
void WriteSimState(const Race& race, tminterface::ContextMode mode, tminterface::SimState& out);

// The race that these bytes describe. Documented fields win over the opaque copy, so an edited
// position takes effect; a state without our opaque bytes (of a real game) is read from the
// documented fields alone. nullopt and a reason when the arrays are not this track's or a number is
// not finite.
std::optional<RaceState> ReadSimState(const Race& race, const tminterface::SimStateView& view,
                                      std::string& why_not);

}  // namespace hotlap::sim
