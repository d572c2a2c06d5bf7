#include "transport/installed_configs.h"

#include <stdexcept>
#include <string>

namespace hotlap::transport {

std::filesystem::path InstalledConfigs(const char* flag) {
  const std::filesystem::path programs =
      std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const std::filesystem::path& place :
       {programs.parent_path() / "share/hotlap/configs", programs / "../../../configs"}) {
    if (std::filesystem::is_directory(place)) return place.lexically_normal();
  }
  throw std::runtime_error(std::string(flag) +
                           ": is needed, there is no configs directory beside the program");
}

}  // namespace hotlap::transport
