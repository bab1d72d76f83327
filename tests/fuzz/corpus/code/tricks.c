/* %: ??= \
 */ #include "x"
asm