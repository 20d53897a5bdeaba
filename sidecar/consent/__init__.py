"""Where users say yes and no, and see what they said: the pages of the consent listener. Imported when one is first
asked for."""
