/* What generated code is: one C function that Tinsmith calls, and all that it may use.

   The code is C11 without anything around it: no #include, no preprocessor, no library, no memory
   that lives longer than a call (static variables), no recursion, no function pointers, no double
   and no long; float, int, unsigned and the types below are all there is. Helper functions and
   constant tables are fine when they are static (tables: static const). All numbers are finite on
   the way in and must be finite on the way out. Stack: 1500 bytes, helpers included. Time: half a
   second a call on the microcontroller; a window's share of a latency limit counts it, too. */
#ifndef TINSMITH_CODE_H
#define TINSMITH_CODE_H

typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;

/* The same bits on the gateway and on the microcontroller. */
float ts_sqrt(float x);         /* 0 for x < 0 */
float ts_log(float x);          /* natural; of 1e-30 for everything below */
float ts_exp(float x);          /* x is limited to -87 to 88 */
float ts_sin(float x);          /* radians; 0 beyond -10000 to 10000 */
float ts_cos(float x);          /* radians; 1 beyond -10000 to 10000 */
float ts_abs(float x);
float ts_min(float a, float b);
float ts_max(float a, float b);

/* A feature block. window[i * channels + c] is sample i of channel c; every value of out must be
   written, always, and must depend on the window alone. */
void tinsmith_feature(const float *window, int length, int channels, float *out);

/* A decision rule. scores[c] is what the network gives class c for the newest window, 0 to 1.
   memory is 32 floats that are 0 at the start and keep what was written for the next window.
   Returns the class to publish, or -1 to publish nothing. */
int tinsmith_decide(const float *scores, int classes, float *memory);

#endif
