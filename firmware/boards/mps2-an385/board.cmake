# Arm MPS2 AN385: a Cortex-M3, without DSP extension and without FPU. What differs from the other MPS2 boards;
# firmware/boards/mps2 holds the rest.
set(DESCRIPTION "Arm MPS2 AN385, Cortex-M3, as QEMU emulates it")
set(CORE cortex-m3)
set(core_flags -mcpu=cortex-m3 -mthumb -mfloat-abi=soft)

# Whose int8 kernels: a folder of firmware/nn/cores, or "portable".
set(KERNELS portable)

# Instructions of features over those of a core with an FPU, because every float operation is a call: 4 to 14 times, by
# what dsp_board_test prints for both; the dearest are spectra.
set(FEATURE_COST 14.0)

# Cycles of an average instruction, for estimates in milliseconds (handlers/plan/latency.hpp). Nothing is published that
# the emulator could be held against: what was measured on a Cortex-M4F (mps2-an386/board.cmake), and because MLA, which the
# portable kernels' inner loop has one of in five instructions, takes two cycles here and one there (Arm Cortex-M3 Technical
# Reference Manual, DDI 0337, table 3-1; DDI 0439, table 3-1), 0.2 more; the high end is wider for want of a measurement.
set(CYCLES_LOW 1.65)
set(CYCLES_TYPICAL 1.8)
set(CYCLES_HIGH 2.2)
