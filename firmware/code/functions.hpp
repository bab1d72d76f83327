// The functions that generated code may call (tinsmith_code.h declares them to it): + - * / and the
// square root only, so that gateway and microcontroller give the same bits.
#pragma once

extern "C" {
float ts_sqrt(float x);
float ts_log(float x);
float ts_exp(float x);
float ts_sin(float x);
float ts_cos(float x);
float ts_abs(float x);
float ts_min(float a, float b);
float ts_max(float a, float b);
}
