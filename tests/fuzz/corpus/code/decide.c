int tinsmith_decide(const float*s,int n,float*m){/*x*/return s[0]>0.5f?0:-1;}//e
