"""Where images and labels come from: folders, archives, lists, FER2013's CSV."""
