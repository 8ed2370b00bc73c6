// Event: the one contract between sources and everything that reads them. A live run analyses
// exactly the events a trace holds. Generated from include/numadrift/events.h.
//
// Owns: the C++ types, visiting their fields. Does not own: how they are stored (trace/codec).
#pragma once

#include "util/kernel_words.h"

#include "numadrift/events.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace numadrift {

// The field types of the event list. comm: at most 15 bytes, any bytes; text: any length.
namespace field {
using ::s32;
using ::u16;
using ::u32;
using ::u64;
using ::u8;
using comm = std::string;
using text = std::string;
} // namespace field

#define ND_FIELD(type, name) field::type name{};
#define ND_VISIT(type, name) visitor(#name, self.name);
#define ND_TYPE(number, lower, Type)                                                                         \
    struct Type {                                                                                            \
        ND_FIELDS_##lower(ND_FIELD) bool operator==(const Type&) const = default;                            \
        template <class Self, class Visitor> static void visit_fields(Self& self, Visitor&& visitor) {       \
            ND_FIELDS_##lower(ND_VISIT)                                                                      \
        }                                                                                                    \
    };
ND_EVENTS(ND_TYPE)
#undef ND_TYPE
#undef ND_VISIT
#undef ND_FIELD

#define ND_ALTERNATIVE(number, lower, Type) , Type
// First alternative: an event of a number this version does not know.
using Payload = std::variant<std::monostate ND_EVENTS(ND_ALTERNATIVE)>;
#undef ND_ALTERNATIVE

// time_ns: CLOCK_MONOTONIC of the traced host. pid, tid: whom it is about, 0 for nobody.
struct Event {
    std::uint64_t time_ns = 0;
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    Payload payload;

    bool operator==(const Event&) const = default;
};

// Number of a payload in the event list; 0 for none.
std::uint32_t kind_of(const Payload& payload);

// "cpu_move" for 6; "event 77" for a number not in the list.
std::string kind_name(std::uint32_t kind);

// Names of the enumerated fields; "unknown" for values out of range.
std::string_view cause_name(std::uint8_t value);
std::string_view memory_name(std::uint8_t value);
std::string_view decision_name(std::uint8_t value);
std::string_view reason_name(std::uint8_t value);

// Joins lambdas for std::visit.
template <class... Handlers> struct Overloaded : Handlers... { using Handlers::operator()...; };
template <class... Handlers> Overloaded(Handlers...) -> Overloaded<Handlers...>;

} // namespace numadrift
