// A run as an input script: what TMInterface plays in the real game, and hotlap-game too.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "agents/run.h"
#include "env/tminterface/input_script.h"

namespace hotlap::agents {

// The inputs from the start on, at the script time at which each comes into force; the last ones
// stay in force. The error says why inputs alone do not give the run again: it did not begin at the
// start, its car or the delay of its inputs was drawn at random, or the game missed inputs.
tl::expected<tminterface::InputScript, std::string> ScriptOf(const Run& run);

// The same as a text, under a comment that says what it is.
tl::expected<std::string, std::string> ScriptText(const Run& run);

}  // namespace hotlap::agents
