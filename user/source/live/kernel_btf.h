// What the running kernel's BTF tells: tracepoints, functions and their parameters, constants.
#pragma once

#include "util/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

struct btf;

namespace numadrift::live {

class KernelBtf {
public:
    static Result<KernelBtf> load();

    bool has_tracepoint(const std::string& name) const;

    struct Function {
        std::int32_t id = 0;
        std::string first_parameter; // "folio" for `struct folio *`; empty for other types
    };
    std::optional<Function> function(const std::string& name) const;

    // May BPF programs of this kernel call the helper? By its name in enum bpf_func_id.
    bool has_helper(const std::string& name) const;

    // NODES_SHIFT, from the size of struct zonelist: MAX_NUMNODES zones of each type and an end.
    std::uint32_t nodes_shift() const;

    // Longs in a cpumask: NR_CPUS / 64, rounded up.
    std::uint32_t cpumask_words() const;

private:
    struct Free {
        void operator()(btf* types) const;
    };
    explicit KernelBtf(btf* types) : types_(types) {}
    std::optional<std::int64_t> enum_value(const std::string& enumeration, const std::string& name) const;
    std::uint32_t array_length(const std::string& structure, const std::string& member) const;

    std::unique_ptr<btf, Free> types_;
};

} // namespace numadrift::live
