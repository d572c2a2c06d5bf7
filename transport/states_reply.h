// What instances do, as a reply: what a spectator or another driver sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>
#include <zmq.hpp>

#include "transport/reply.h"
#include "transport/row_watch.h"

namespace hotlap::transport {

// One for each instance that was asked for; none where nothing is known.
using InstanceStates = std::vector<std::optional<RowState>>;

Reply MakeStatesReply(std::uint64_t id, std::span<const std::optional<RowState>> states);
// `frames`: the header's too. `count`: how many were asked for.
tl::expected<InstanceStates, std::string> DecodeStatesReply(std::span<const zmq::message_t> frames,
                                                            std::size_t count);

}  // namespace hotlap::transport
