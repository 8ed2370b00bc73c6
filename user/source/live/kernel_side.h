// The kernel side as C++ sees it: the wire structs and the generated skeleton. Included by the
// files of source/live only.
#pragma once

#include <cstring>
#include <string>

#include "util/kernel_words.h"

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
