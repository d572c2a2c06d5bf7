// Text of strangers that is shown to others: valid UTF-8 without control characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hotlap::transport {

bool IsPrintable(std::string_view text);
// At most `max_bytes` of the text, cut between characters, with '?' for whatever is not printable.
std::string MadePrintable(std::string_view text, std::size_t max_bytes);

}  // namespace hotlap::transport
