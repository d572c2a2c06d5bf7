// Steps of some rows of a VectorEnvironment, for callers who may ask for anything.
#pragma once

#include <cstdint>
#include <span>
#include <tl/expected.hpp>

#include "env/vector_environment.h"
#include "transport/status.h"

namespace hotlap::transport {

// kBadArgument: a row that is not one of n, or is named twice.
tl::expected<void, Refusal> CheckRows(std::span<const std::int32_t> rows, int num_rows);

// The environment's Step and Send of some rows; of all when none are named. kBadArgument as
// CheckRows, and of Send for a row that is under way; then nothing has changed.
tl::expected<BatchResult, Refusal> StepRows(VectorEnvironment& environment,
                                            std::span<const std::int32_t> rows,
                                            const ActionView& actions, const BatchView& out);
tl::expected<void, Refusal> SendRows(VectorEnvironment& environment,
                                     std::span<const std::int32_t> rows, const ActionView& actions);

}  // namespace hotlap::transport
