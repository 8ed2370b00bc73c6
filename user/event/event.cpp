#include "event/event.h"

#include <array>
#include <fmt/core.h>

namespace numadrift {

std::uint32_t kind_of(const Payload& payload) {
#define ND_NUMBER(number, lower, Type) , number
    static constexpr std::array kNumbers = {0 ND_EVENTS(ND_NUMBER)};
#undef ND_NUMBER
    return static_cast<std::uint32_t>(kNumbers.at(payload.index()));
}

std::string kind_name(std::uint32_t kind) {
    switch (kind) {
#define ND_NAME(number, lower, Type)                                                                         \
    case number: return #lower;
        ND_EVENTS(ND_NAME)
#undef ND_NAME
    default: return fmt::format("event {}", kind);
    }
}

#define ND_NAME(number, name)                                                                                \
    case number:                                                                                             \
        return #name;
#define ND_NAMES(function, list)                                                                             \
    std::string_view function(std::uint8_t value) {                                                          \
        switch (value) { list(ND_NAME) default : return "unknown"; }                                         \
    }
ND_NAMES(cause_name, ND_CAUSES)
ND_NAMES(memory_name, ND_MEMORY_KINDS)
ND_NAMES(decision_name, ND_DECISIONS)
ND_NAMES(reason_name, ND_MOVE_REASONS)
#undef ND_NAMES
#undef ND_NAME

} // namespace numadrift
