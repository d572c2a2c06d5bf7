// Where the configuration files are that come with the programs.
#pragma once

#include <filesystem>

namespace hotlap::transport {

// The configs directory beside the installed program, else the one beside the sources it was built
// from. Throws std::runtime_error when there is none, naming the flag that says where it is.
std::filesystem::path InstalledConfigs(const char* flag);

}  // namespace hotlap::transport
