static float h(const float*w,int n){float s=0;for(int i=0;i<n;i++)s+=ts_sqrt(w[i]);return s;}
static int fact(int n){return n<2?1:n*fact(n-1)+fact(n-2);}
static __attribute__((noinline)) float g(float (*p)(float), float x){return p(x)+1;}
void tinsmith_feature(const float*window,int length,int channels,float*out){float t[100];for(int i=0;i<100;i++)t[i]=window[i]*2;for(int i=0;i<100;i++)out[i]=t[99