/* Numbers of the fused step in single precision. */
#define SINGLE 1
typedef float real;
