#include "sampling/instruction.h"

namespace numadrift::sampling {

// clang-format off
int number_of(unsigned reg) {
    switch (reg) {
    case X86_REG_RAX: case X86_REG_EAX: case X86_REG_AX: case X86_REG_AL: case X86_REG_AH: return 0;
    case X86_REG_RBX: case X86_REG_EBX: case X86_REG_BX: case X86_REG_BL: case X86_REG_BH: return 1;
    case X86_REG_RCX: case X86_REG_ECX: case X86_REG_CX: case X86_REG_CL: case X86_REG_CH: return 2;
    case X86_REG_RDX: case X86_REG_EDX: case X86_REG_DX: case X86_REG_DL: case X86_REG_DH: return 3;
    case X86_REG_RSI: case X86_REG_ESI: case X86_REG_SI: case X86_REG_SIL: return 4;
    case X86_REG_RDI: case X86_REG_EDI: case X86_REG_DI: case X86_REG_DIL: return 5;
    case X86_REG_RBP: case X86_REG_EBP: case X86_REG_BP: case X86_REG_BPL: return 6;
    case X86_REG_RSP: case X86_REG_ESP: case X86_REG_SP: case X86_REG_SPL: return 7;
    case X86_REG_R8: case X86_REG_R8D: case X86_REG_R8W: case X86_REG_R8B: return 8;
    case X86_REG_R9: case X86_REG_R9D: case X86_REG_R9W: case X86_REG_R9B: return 9;
    case X86_REG_R10: case X86_REG_R10D: case X86_REG_R10W: case X86_REG_R10B: return 10;
    case X86_REG_R11: case X86_REG_R11D: case X86_REG_R11W: case X86_REG_R11B: return 11;
    case X86_REG_R12: case X86_REG_R12D: case X86_REG_R12W: case X86_REG_R12B: return 12;
    case X86_REG_R13: case X86_REG_R13D: case X86_REG_R13W: case X86_REG_R13B: return 13;
    case X86_REG_R14: case X86_REG_R14D: case X86_REG_R14W: case X86_REG_R14B: return 14;
    case X86_REG_R15: case X86_REG_R15D: case X86_REG_R15W: case X86_REG_R15B: return 15;
    case X86_REG_INVALID: return kNone;
    default: return kNotGeneral;
    }
}
// clang-format on

namespace {

// clang-format off
nd_op_kind kind_of(unsigned id) {
    switch (id) {
    case X86_INS_MOV: case X86_INS_MOVABS: case X86_INS_LEA: return ND_OP_set;
    case X86_INS_ADD: case X86_INS_INC: return ND_OP_add;
    case X86_INS_SUB: case X86_INS_DEC: return ND_OP_subtract;
    case X86_INS_AND: return ND_OP_and;
    case X86_INS_OR: return ND_OP_or;
    case X86_INS_XOR: return ND_OP_xor;
    case X86_INS_SHL: case X86_INS_SAL: return ND_OP_shift_left;
    case X86_INS_SHR: return ND_OP_shift_right;
    case X86_INS_SAR: return ND_OP_shift_arithmetic;
    case X86_INS_ROL: return ND_OP_rotate_left;
    case X86_INS_NEG: return ND_OP_negate;
    case X86_INS_NOT: return ND_OP_invert;
    default: return ND_OP_opaque;
    }
}
// clang-format on

constexpr std::uint8_t kAx = 0;
constexpr std::uint8_t kDx = 3;
constexpr std::uint8_t kSp = 7;

bool is_high_byte(unsigned reg) {
    return reg == X86_REG_AH || reg == X86_REG_BH || reg == X86_REG_CH || reg == X86_REG_DH;
}

// Of a plain place in memory: the thread's own or not is seen when it is done.
bool read_load(const cs_insn& instruction, const cs_x86_op& source, int to, Instruction& result) {
    const Operand place = operand_of(instruction, source.mem);
    const bool is_plain = !place.thread_local_data && !place.per_cpu && place.base != kNotGeneral &&
                          place.index != kNotGeneral && source.size <= 8;
    if (!is_plain) return false;
    nd_op op = op_of(ND_OP_load, place);
    op.to = static_cast<std::uint8_t>(to);
    op.bits = static_cast<std::uint8_t>(source.size * 8);
    result.effects.push_back(op);
    return true;
}

// The source of a calculation as the value of an operation, loaded before where it is in memory; false where
// it is not foreseeable.
bool takes_value(const cs_insn& instruction, const cs_x86_op& source, nd_op& op, Instruction& result) {
    op.from = op.index = ND_ZERO_REGISTER;
    if (source.type == X86_OP_IMM) {
        op.number = static_cast<std::uint64_t>(source.imm);
        return true;
    }
    if (source.type == X86_OP_MEM) {
        op.from = ND_LOADED_REGISTER;
        return read_load(instruction, source, ND_LOADED_REGISTER, result);
    }
    const int reg = source.type == X86_OP_REG ? number_of(source.reg) : kNone;
    if (reg < 0) return false;
    op.from = static_cast<std::uint8_t>(reg);
    return true;
}

// Two operands, the first a whole register, or one.
bool read_plain_effect(const cs_insn& instruction, Instruction& result) {
    const cs_x86& x86 = instruction.detail->x86;
    if (x86.op_count == 0 || x86.op_count > 2 || x86.operands[0].type != X86_OP_REG ||
        x86.operands[0].size < 4)
        return false;
    const int to = number_of(x86.operands[0].reg);
    const nd_op_kind kind = kind_of(instruction.id);
    if (to < 0 || kind == ND_OP_opaque) return false;
    nd_op op = op_of(kind);
    if (instruction.id == X86_INS_LEA) {
        const Operand address = operand_of(instruction, x86.operands[1].mem);
        if (address.base == kNotGeneral || address.index == kNotGeneral) return false;
        op = op_of(kind, address);
    } else if (instruction.id == X86_INS_INC || instruction.id == X86_INS_DEC) op.number = 1;
    else if (x86.op_count == 2) {
        const cs_x86_op& source = x86.operands[1];
        const bool is_zero =
            instruction.id == X86_INS_XOR && source.type == X86_OP_REG && source.reg == x86.operands[0].reg;
        if (is_zero) op.kind = ND_OP_set; // whatever it was before
        else if (!takes_value(instruction, source, op, result)) return false;
    }
    op.to = static_cast<std::uint8_t>(to);
    op.bits = static_cast<std::uint8_t>(x86.operands[0].size * 8);
    result.effects.push_back(op);
    result.foreseen = 1u << to;
    return true;
}

// imul of two or three operands; div and idiv of a register.
bool read_multiplication(const cs_insn& instruction, Instruction& result) {
    const cs_x86& x86 = instruction.detail->x86;
    const cs_x86_op& first = x86.operands[0];
    if (x86.op_count == 0 || first.type != X86_OP_REG || first.size < 4 || number_of(first.reg) < 0)
        return false;
    nd_op op = op_of(ND_OP_divide, static_cast<std::uint8_t>(first.size * 8));
    if (instruction.id == X86_INS_DIV || instruction.id == X86_INS_IDIV) {
        op.is_signed = instruction.id == X86_INS_IDIV;
        op.from = static_cast<std::uint8_t>(number_of(first.reg));
        result.effects = {op};
        result.foreseen = 1u << kAx | 1u << kDx;
        return true;
    }
    if (instruction.id != X86_INS_IMUL || x86.op_count < 2) return false;
    op.to = static_cast<std::uint8_t>(number_of(first.reg));
    if (x86.op_count == 3) {
        op.kind = ND_OP_set;
        if (!takes_value(instruction, x86.operands[1], op, result)) return false;
        result.effects.push_back(op);
    }
    op.kind = ND_OP_multiply;
    if (!takes_value(instruction, x86.operands[x86.op_count - 1], op, result)) {
        result.effects.clear();
        return false;
    }
    result.effects.push_back(op);
    result.foreseen = 1u << op.to;
    return true;
}

bool read_stack_effect(const cs_insn& instruction, Instruction& result) {
    if (instruction.id != X86_INS_PUSH && instruction.id != X86_INS_POP) return false;
    nd_op op = op_of(instruction.id == X86_INS_PUSH ? ND_OP_subtract : ND_OP_add);
    op.to = kSp;
    op.number = 8;
    result.written |= 1u << kSp;
    const cs_x86_op& operand = instruction.detail->x86.operands[0];
    const bool pops = instruction.id == X86_INS_POP && operand.type == X86_OP_REG;
    const int to = pops ? number_of(operand.reg) : kNone;
    if (to == kSp) return false;
    result.foreseen = 1u << kSp;
    if (to >= 0 && operand.size == 8) {
        nd_op load = op_of(ND_OP_load);
        load.from = kSp;
        load.to = static_cast<std::uint8_t>(to);
        result.effects.push_back(load);
        result.foreseen |= 1u << to;
    }
    result.effects.push_back(op);
    return true;
}

// movzx, movsx, movsxd of a register or of memory; cdqe and its like.
bool read_widening(const cs_insn& instruction, Instruction& result) {
    const cs_x86& x86 = instruction.detail->x86;
    nd_op op = op_of(ND_OP_sign_extend, 32);
    if (instruction.id == X86_INS_CDQE) {
        op.from = op.to = kAx;
    } else {
        const bool is_zero = instruction.id == X86_INS_MOVZX;
        const bool is_sign = instruction.id == X86_INS_MOVSX || instruction.id == X86_INS_MOVSXD;
        if ((!is_zero && !is_sign) || x86.op_count != 2 || x86.operands[0].size < 4) return false;
        const int to = number_of(x86.operands[0].reg);
        const bool is_load = x86.operands[1].type == X86_OP_MEM;
        if (!is_load && is_high_byte(x86.operands[1].reg)) return false;
        const int from = is_load ? ND_LOADED_REGISTER : number_of(x86.operands[1].reg);
        if (from < 0 || to < 0) return false;
        if (is_load && !read_load(instruction, x86.operands[1], from, result)) return false;
        if (is_zero) op.kind = ND_OP_zero_extend;
        op.bits = static_cast<std::uint8_t>(x86.operands[1].size * 8);
        op.from = static_cast<std::uint8_t>(from);
        op.to = static_cast<std::uint8_t>(to);
    }
    result.effects.push_back(op);
    result.foreseen = 1u << op.to;
    if (op.kind == ND_OP_sign_extend && instruction.id != X86_INS_CDQE && x86.operands[0].size == 4) {
        op.kind = ND_OP_zero_extend;
        op.bits = 32;
        op.from = op.to;
        result.effects.push_back(op);
    }
    return true;
}

} // namespace

nd_op op_of(nd_op_kind kind, std::uint8_t bits) {
    nd_op op{};
    op.kind = static_cast<std::uint8_t>(kind);
    op.to = op.from = op.index = ND_ZERO_REGISTER;
    op.bits = bits;
    return op;
}

nd_op op_of(nd_op_kind kind, const Operand& operand) {
    nd_op op = op_of(kind);
    if (operand.base >= 0) op.from = static_cast<std::uint8_t>(operand.base);
    if (operand.index >= 0) op.index = static_cast<std::uint8_t>(operand.index);
    while (std::uint64_t{1} << op.shift < operand.scale) ++op.shift;
    op.number = operand.displacement;
    return op;
}

Operand operand_of(const cs_insn& instruction, const x86_op_mem& memory) {
    Operand operand;
    operand.displacement = static_cast<std::uint64_t>(memory.disp);
    if (memory.base == X86_REG_RIP) operand.displacement += instruction.address + instruction.size;
    else operand.base = number_of(memory.base);
    operand.index = number_of(memory.index);
    operand.scale = static_cast<std::uint64_t>(memory.scale);
    operand.thread_local_data = memory.segment == X86_REG_FS;
    operand.per_cpu = memory.segment == X86_REG_GS;
    return operand;
}

// What compilers put between addresses; of everything else only that it writes.
void read_effects(const cs_insn& instruction, Instruction& result) {
    if (read_stack_effect(instruction, result) || read_widening(instruction, result) ||
        read_multiplication(instruction, result))
        return;
    if (!read_plain_effect(instruction, result)) result.effects.clear();
}

} // namespace numadrift::sampling
