// The kernel side as C++ sees it: the wire structs and the generated skeleton. Included by the
// files of source/live only.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

// The fixed-width names the wire headers are written in.
using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s32 = std::int32_t;

#include "numadrift/settings.h"
#include "numadrift/wire.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#include "numadrift.skel.h"
#pragma GCC diagnostic pop

namespace numadrift::live {

inline std::string text_of(const nd_comm& name) {
    return {name.text, ::strnlen(name.text, sizeof name.text)};
}

} // namespace numadrift::live
