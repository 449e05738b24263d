/* Numbers of the fused step in double precision. */
typedef double real;
