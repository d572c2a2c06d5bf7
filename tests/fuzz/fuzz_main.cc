// Program hotlap-fuzz: libFuzzer on one of the targets, which HOTLAP_FUZZ_TARGET names; without it
// the program lists them. With HOTLAP_FUZZ_SEEDS it only writes the target's seeds into that
// folder.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "tests/fuzz/fuzz_target.h"

namespace {

const hotlap::fuzz::Target* chosen = nullptr;

void WriteSeeds(const std::string& folder) {
  int number = 0;
  for (const auto& seed : chosen->seeds()) {
    std::ofstream out(folder + "/seed-" + std::to_string(number++), std::ios::binary);
    out.write(reinterpret_cast<const char*>(seed.data()),
              static_cast<std::streamsize>(seed.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("HOTLAP_FUZZ_TARGET");
  for (const auto& target : hotlap::fuzz::Targets()) {
    if (name == nullptr) {
      std::printf("%s\n", std::string(target.name).c_str());
    } else if (target.name == name) {
      chosen = &target;
    }
  }
  if (chosen == nullptr && name != nullptr) std::fprintf(stderr, "%s: no such target\n", name);
  if (chosen == nullptr) std::exit(name == nullptr ? 0 : 2);
  if (const char* folder = std::getenv("HOTLAP_FUZZ_SEEDS"); folder != nullptr) {
    WriteSeeds(folder);
    std::exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen->run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
