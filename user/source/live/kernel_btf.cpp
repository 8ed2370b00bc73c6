#include "source/live/kernel_btf.h"

#include "util/file.h"

#include <bit>
#include <bpf/btf.h>
#include <cerrno>
#include <fmt/core.h>
#include <linux/btf.h>
#include <span>

namespace numadrift::live {

void KernelBtf::Free::operator()(btf* types) const {
    btf__free(types);
}

Result<KernelBtf> KernelBtf::load() {
    btf* types = btf__load_vmlinux_btf();
    if (!types)
        return Error{fmt::format("cannot read the kernel's BTF: {}", errno_text(errno)),
                     "numadrift needs a kernel built with CONFIG_DEBUG_INFO_BTF, and "
                     "/sys/kernel/btf/vmlinux readable"};
    return KernelBtf(types);
}

bool KernelBtf::has_tracepoint(const std::string& name) const {
    return btf__find_by_name_kind(types_.get(), ("btf_trace_" + name).c_str(), BTF_KIND_TYPEDEF) > 0;
}

std::optional<KernelBtf::Function> KernelBtf::function(const std::string& name) const {
    const int id = btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_FUNC);
    if (id <= 0) return std::nullopt;
    Function function{id, {}};
    const btf_type* prototype = btf__type_by_id(types_.get(), btf__type_by_id(types_.get(), id)->type);
    if (btf_vlen(prototype) == 0) return function;
    const btf_type* parameter = btf__type_by_id(types_.get(), btf_params(prototype)[0].type);
    if (parameter && btf_is_ptr(parameter)) {
        const btf_type* pointed = btf__type_by_id(types_.get(), parameter->type);
        if (pointed && btf_is_struct(pointed))
            function.first_parameter = btf__name_by_offset(types_.get(), pointed->name_off);
    }
    return function;
}

std::optional<std::int64_t> KernelBtf::enum_value(const std::string& enumeration,
                                                  const std::string& name) const {
    const int id = btf__find_by_name_kind(types_.get(), enumeration.c_str(), BTF_KIND_ENUM);
    if (id <= 0) return std::nullopt;
    const btf_type* type = btf__type_by_id(types_.get(), id);
    for (const struct btf_enum& item : std::span(btf_enum(type), btf_vlen(type)))
        if (name == btf__name_by_offset(types_.get(), item.name_off)) return item.val;
    return std::nullopt;
}

bool KernelBtf::has_helper(const std::string& name) const {
    return enum_value("bpf_func_id", name).has_value();
}

std::uint32_t KernelBtf::array_length(const std::string& structure, const std::string& member) const {
    const int id = btf__find_by_name_kind(types_.get(), structure.c_str(), BTF_KIND_STRUCT);
    if (id <= 0) return 0;
    const btf_type* type = btf__type_by_id(types_.get(), id);
    for (const struct btf_member& item : std::span(btf_members(type), btf_vlen(type))) {
        if (member != btf__name_by_offset(types_.get(), item.name_off)) continue;
        const btf_type* array = btf__type_by_id(types_.get(), item.type);
        return btf_is_array(array) ? btf_array(array)->nelems : 0;
    }
    return 0;
}

std::uint32_t KernelBtf::nodes_shift() const {
    const auto zone_types = enum_value("zone_type", "__MAX_NR_ZONES").value_or(0);
    const std::uint32_t zones = array_length("zonelist", "_zonerefs");
    if (zone_types <= 0 || zones <= 1) return 0; // a kernel without NUMA
    return static_cast<std::uint32_t>(std::bit_width((zones - 1) / static_cast<std::uint32_t>(zone_types)) -
                                      1);
}

std::uint32_t KernelBtf::cpumask_words() const {
    return array_length("cpumask", "bits");
}

} // namespace numadrift::live
